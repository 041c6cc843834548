"""Media: find, fetch, recognise and decode pictures and films. No Beam in here."""

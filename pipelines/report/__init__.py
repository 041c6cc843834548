"""What the command line shows people: progress, summaries and reports."""

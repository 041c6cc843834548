"""What a deal would deliver and pay, before any run: screened on all cores, counted exactly."""

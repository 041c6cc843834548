"""The pipeline's steps, one module each, and `package`, which runs them in order."""

from pipelines.process.postponed import leave_out

# Beam imports them where they are installed, for connectors that no step uses.
leave_out("apache_beam", "pandas", "apache_beam.io.gcp.bigquery")

"""The pipeline's steps, one module each, and `package`, which runs them in order."""

import logging

from pipelines.process.postponed import leave_out, postpone

# Beam imports them where they are installed, for connectors that no step uses. It warns of those
# for MongoDB.
logging.getLogger("apache_beam.io.mongodbio").setLevel(logging.ERROR)
leave_out("apache_beam", "pandas", "apache_beam.io.gcp.bigquery")
leave_out("apache_beam.io.mongodbio", "bson", "pymongo")
# Beam imports it with its client for HTTP, which looks into it when a server asks for a password.
postpone("httplib2.auth")
# Beam's own client for S3, which only reading the options of another engine may need.
postpone("boto3")
# Beam writes it for transforms of other languages.
postpone("yaml")

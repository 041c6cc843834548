"""Where bytes lie: folders and S3 prefixes behind one interface, and tables in them."""

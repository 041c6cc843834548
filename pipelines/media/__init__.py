"""Recognises and decodes pictures and films; finds shots and near-duplicates. Never uses Beam."""

"""Tests of runs that are killed or whose servers, disks and file operations fail."""

"""Readers: files of other systems become graphs."""

"""What netgen is measured against, written by hand as somebody without netgen would write it."""

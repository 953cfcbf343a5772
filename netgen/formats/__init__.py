"""File formats that emitters, readers and weights share."""

"""`op`: its functions make operations. Nothing here is for others."""

"""What is wrong with revisions, as an error that says where. Nothing here is for others."""

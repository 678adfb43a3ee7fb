"""`python -m ormkit`"""

"""Statuses and codes as data, one module for each family; ``exosms.codes`` looks them up."""

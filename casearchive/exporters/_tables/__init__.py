"""The tables of findings: ``dictionary.csv`` says which columns there are, ``rows`` fills them."""

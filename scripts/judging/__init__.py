"""What scripts/eval_search.py is made of: data, archives, plain full text beside them, scores, the seed page."""

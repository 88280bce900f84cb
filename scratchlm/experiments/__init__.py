"""Experiments that train or question several models: overfitting, memorisation, bias, published figures."""

"""From symptoms to causes: findings of one host and of many joined by what they share."""

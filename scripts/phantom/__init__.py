"""A small ultrasound phantom: tissue made of scatterers, seen by a simulated probe on a scanner's screen.

Everything is fictional and seeded: the same name gives the same picture. Lengths are millimetres, echo levels
decibels relative to a perfect mirror, arrays are indexed ``[depth, lateral]``.
"""

"""The rooms behind the pptx exporter: words, fitting of text, pictures, marks, theme, slides and the finished file."""

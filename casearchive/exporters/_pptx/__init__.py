"""The rooms behind the pptx exporter: fitting of text, words, pictures, marks, theme, slides and the finished file."""

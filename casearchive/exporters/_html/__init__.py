"""The rooms behind the html exporter: words, pictures, marks, pages; its templates, style and script."""

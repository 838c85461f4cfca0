"""The rooms behind the mirc exporter: pictures with their alternatives, the document, our own part of it."""

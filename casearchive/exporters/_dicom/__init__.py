"""The rooms behind the dicom exporter: codes, content items, documents, presentation states, the directory."""

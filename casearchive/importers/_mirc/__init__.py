"""The rooms behind the MIRC importer: hostile XML, markup as text, pictures and their forms, our own facts."""

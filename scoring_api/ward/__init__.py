"""The pages for physicians: their patients in hospital, what would comply, what-if, their own answers."""

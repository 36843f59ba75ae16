//! The rows of the table, as stories call them.

use blue_green::release::turn::Row;

/// Every row.
pub const ROWS: [(&str, Row); 14] = [
    ("1", Row::R1),
    ("2", Row::R2),
    ("3a", Row::R3a),
    ("3b", Row::R3b),
    ("3c", Row::R3c),
    ("3d", Row::R3d),
    ("3e", Row::R3e),
    ("3f", Row::R3f),
    ("4", Row::R4),
    ("5", Row::R5),
    ("5a", Row::R5a),
    ("5b", Row::R5b),
    ("5c", Row::R5c),
    ("5d", Row::R5d),
];

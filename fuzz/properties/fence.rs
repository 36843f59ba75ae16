//! The fence: what is read survives being written and read again, and what is written fits a tag.

use blue_green::asked::parameters::is_image_tag;
use blue_green::release::journal::{Fence, MAX_ID, is_word};
use jiff::Timestamp;

use super::assert_fits_a_tag;

/// Reads the bytes as a fence, and writes one of an execution and an image, a line each.
pub fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(fence) = Fence::parse(text) {
        assert!(is_word(&fence.execution) && is_word(&fence.image), "{fence:?}");
        assert_eq!(Fence::parse(&fence.to_string()), Some(fence));
    }
    if let Some((execution, image)) = text.split_once('\n')
        && is_word(execution)
        && execution.len() <= MAX_ID
        && is_image_tag(image)
    {
        let time = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        let fence = Fence { execution: execution.to_owned(), image: image.to_owned(), time };
        assert_fits_a_tag(&fence.to_string());
        assert_eq!(Fence::parse(&fence.to_string()), Some(fence));
    }
}

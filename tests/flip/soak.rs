//! Flips in a row. `bin/soak` makes a thousand of them.

use local_aws::soak::{self, Options};

#[tokio::test]
async fn flips_in_a_row_under_load_lose_no_request_and_leave_no_memory_behind() {
    assert_eq!(soak::run(Options { flips: 20 }).await.unwrap(), Vec::<String>::new());
}

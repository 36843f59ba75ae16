//! Flips in a row. `bin/soak` makes a thousand of them.

use local_aws::soak::{self, Options};

#[tokio::test]
async fn flips_in_a_row_under_load_lose_no_request() {
    // How much memory they take shows in a thousand flips, not in twenty.
    let soaked = soak::run(Options { flips: 20 }).await.unwrap();
    assert_eq!(soaked.lost, Vec::<String>::new());
    assert!(soaked.served > 20, "{}", soaked.served);
}

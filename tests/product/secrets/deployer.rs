//! The deployer: its credentials are in nothing that it prints.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};

use crate::secrets::MARKER;
use product_stage::function::Stage;

#[tokio::test]
async fn what_the_deployer_prints_holds_no_credentials_whatever_fails() {
    let stage = Stage::new().await;
    let token = format!("deployer/1/{MARKER}");
    for kind in
        [None, Some(FaultKind::AccessDenied), Some(FaultKind::Status500), Some(FaultKind::CutAnswer), Some(FaultKind::Hang)]
    {
        for arguments in [&["status", "--json"][..], &["plan"], &["doctor"]] {
            stage.world.gateway.reset_calls();
            if let Some(kind) = kind {
                let lasts = if kind == FaultKind::AccessDenied { Lasts::ForGood } else { Lasts::Once };
                stage.world.gateway.inject(Fault { at: At::Action("DescribeTags".to_owned(), 1), kind, lasts });
            }
            let output = stage.world.deployer(|command| {
                command.args(arguments).args(["--elb", "shop"]);
                command.env("RUST_LOG", "trace").env("CALL_TIMEOUT_MS", "300");
                command.env("AWS_SECRET_ACCESS_KEY", MARKER).env("AWS_SESSION_TOKEN", &token);
            });
            let output = output.await.unwrap();
            let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(!printed.is_empty() && !printed.contains(MARKER), "{kind:?} {arguments:?}: {printed}");
            assert!(stage.world.gateway.fault_hit(), "{kind:?} {arguments:?}: {printed}");
            stage.world.gateway.clear_faults();
        }
    }
}

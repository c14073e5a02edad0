//! The list of the layers of a model.

use crate::support::program::alpaca_run;

#[test]
fn layers_have_the_number_of_their_block() {
    let said = alpaca_run(&["layers", "pipelines/finetune.yaml"]);
    let block = |name: &str| {
        let mut lines = said.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.find(|cells| cells.contains(&name)).unwrap();
        line[1].to_owned()
    };
    assert_eq!(block("block_13_depthwise"), "13");
    assert_eq!(block("expanded_conv_depthwise"), "0");
    // In no block, so that its name follows its index.
    assert_eq!(block("Conv_1"), "Conv_1");
}

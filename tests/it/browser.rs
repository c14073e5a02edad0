//! The pages in a real browser, as wide as a telephone and as a desk: nothing sticks out, every
//! picture shows, nothing is fetched. `ALPACA_BROWSER` names a Chromium.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::support::pictures::Workshop;
use crate::support::program::alpaca_run;
use crate::support::runs::{TWO_STAGES, run};

/// Widths in pixels.
const WIDTHS: [u32; 3] = [360, 768, 1440];

/// What a page says about itself once it has loaded: its width, that of the window, pictures that do
/// not show, all pictures, addresses that were fetched, texts that stick out of their drawing.
const LOOK: &str = "<script>
addEventListener('load', () => {
  const pictures = [...document.querySelectorAll('img')];
  const broken = pictures.filter(i => !i.complete || i.naturalWidth === 0).length;
  const fetched = performance.getEntriesByType('resource').filter(e => !/^(data|blob):/.test(e.name));
  const outside = [...document.querySelectorAll('svg text')].filter(text => {
    const [own, all] = [text, text.ownerSVGElement].map(e => e.getBoundingClientRect());
    return own.width > 0 && (own.left < all.left - 1 || own.right > all.right + 1);
  });
  parent.postMessage([document.documentElement.scrollWidth, innerWidth, broken, pictures.length,
    document.querySelectorAll('svg').length, fetched.length, outside.length], '*');
});
</script>";

/// A page around a page, which gives it its width.
fn frame(width: u32) -> String {
    format!(
        "<!doctype html><script>addEventListener('message', e => {{ \
         document.body.dataset.seen = e.data.join(' '); }});</script>\
         <iframe src='page.html' style='border:0;width:{width}px;height:4000px'></iframe>"
    )
}

/// Looks at a page in a browser.
fn look(browser: &OsString, folder: &Path, page: &Path, width: u32) -> Vec<u32> {
    let html = std::fs::read_to_string(page).unwrap();
    let policy = "<meta http-equiv=\"Content-Security-Policy\"";
    assert!(html.contains(policy), "no scripts of a run directory may run: {}", page.display());
    // The page allows no scripts; the one that looks at it is allowed in a copy.
    let html = html.replacen(policy, "<meta name=\"policy\"", 1);
    std::fs::write(folder.join("page.html"), html + LOOK).unwrap();
    std::fs::write(folder.join("frame.html"), frame(width)).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", folder.join("frame.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let seen = dom.split_once("data-seen=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (seen, _) = seen.unwrap_or_else(|| {
        panic!("{dom}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    seen.split(' ').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn pages_fit_a_telephone_and_a_desk_and_fetch_nothing() {
    let Some(browser) = std::env::var_os("ALPACA_BROWSER") else {
        println!("skipped: ALPACA_BROWSER names no Chromium");
        return;
    };
    let workshop = Workshop::new(TWO_STAGES, 3);
    for seed in ["seed=1", "seed=2"] {
        assert_eq!(run(&workshop, &["-S", seed]).code, Some(0));
    }
    let [one, two] = ["runs/small", "runs/small-2"].map(|name| workshop.text(name));
    let pipeline = workshop.text("small.yaml");
    let pages = ["several.html", "diff.html", "data.html"].map(|name| workshop.text(name));
    for arguments in [
        vec!["report", &one, &two, "-o", &pages[0]],
        vec!["diff", &one, &two, "--html", &pages[1]],
        vec!["data", &pipeline, "--html", &pages[2]],
    ] {
        let said = alpaca_run(&arguments);
        assert!(said.code.is_some_and(|code| code < 2), "{arguments:?}: {}", said.err);
    }
    let report = workshop.text("runs/small/report.html");
    for (page, has_pictures) in
        [(&report, true), (&pages[0], false), (&pages[1], false), (&pages[2], false)]
    {
        for width in WIDTHS {
            let seen = look(&browser, &workshop.path(""), Path::new(page), width);
            let &[wide, window, broken, pictures, drawings, fetched, outside] = &seen[..] else {
                panic!("{seen:?}");
            };
            let what = format!("{page} at {width} pixels: {seen:?}");
            assert_eq!(window, width, "{what}");
            assert!(wide <= window, "sticks out: {what}");
            assert_eq!((broken, fetched, outside), (0, 0, 0), "{what}");
            assert!(!has_pictures || (pictures > 0 && drawings > 3), "{what}");
        }
    }
}

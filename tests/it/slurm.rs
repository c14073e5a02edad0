//! Slurm on this machine: a controller and two nodes on loopback, as root. The tests say that they skip
//! where its programs are not installed (Debian: munge, slurmctld, slurmd, slurm-client).

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{SWEEP, with_scheduler, words, workshop};
use crate::support::program::{Said, command, done};

/// The tests start one Slurm after the other.
static ONE: Mutex<()> = Mutex::new(());

/// A controller and two nodes, which end with the test.
struct Slurm<'a> {
    folder: &'a Path,
    _one: MutexGuard<'static, ()>,
}

/// Runs a shell command, and returns whether it succeeded.
fn shell(folder: &Path, text: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", text]).current_dir(folder).env("SLURM_CONF", folder.join("slurm.conf"));
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().unwrap().success()
}

/// Starts a munge of its own: what the parts of Slurm know each other by.
const MUNGE: &str = "\
head -c 128 /dev/urandom > munge.key && chmod 600 munge.key && \
munged --force --key-file=$PWD/munge.key --socket=$PWD/munge.socket --pid-file=$PWD/munge.pid \
    --log-file=$PWD/munge.log --seed-file=$PWD/munge.seed";

/// What an operator does after a controller died. It may have lost the last numbers it gave to tasks,
/// and give them again; a node refuses the second task of a number, and Slurm holds both. A task that
/// Slurm queues again would wait for two minutes.
const OPERATOR: &str = "\
while sleep 1; do \
    sinfo --noheader | grep -q drain && scontrol update NodeName=n1,n2 State=RESUME; \
    squeue --noheader --array --states=PD --format='%i %r' | while read job reason; do \
        case $reason in \
            *held*) scontrol release $job;; \
            BeginTime) scontrol update JobId=$job StartTime=now;; \
        esac; \
    done; \
done & echo $! > operator.pid";

impl<'a> Slurm<'a> {
    fn start(folder: &'a Path) -> Option<Self> {
        let programs = "command -v slurmctld slurmd munged sbatch && [ \"$(id -u)\" = 0 ]";
        if !shell(folder, programs) {
            println!("skipped: Slurm and munge are not installed, or this is not root");
            return None;
        }
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let [controller, first, second] = [(); 3].map(|()| free());
        let place = folder.display();
        let text = format!(
            "ClusterName=test\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort={controller}\n\
             SlurmUser=root\nAuthType=auth/munge\nAuthInfo=socket={place}/munge.socket\n\
             ProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n\
             SlurmdParameters=config_overrides\nReturnToService=2\nStateSaveLocation={place}/state\n\
             SlurmdSpoolDir={place}/spool-%n\nSlurmctldPidFile={place}/slurmctld.pid\n\
             SlurmdPidFile={place}/slurmd-%n.pid\nSlurmctldLogFile={place}/slurmctld.log\n\
             SlurmdLogFile={place}/slurmd-%n.log\n\
             NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={first} CPUs=2 RealMemory=500\n\
             NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={second} CPUs=2 RealMemory=500\n\
             PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP\n"
        );
        std::fs::write(folder.join("slurm.conf"), text).unwrap();
        std::fs::create_dir(folder.join("state")).unwrap();
        let slurm = Self { folder, _one: one };
        assert!(shell(folder, MUNGE), "munge does not start");
        assert!(shell(folder, "slurmctld -f slurm.conf"), "slurmctld does not start");
        for node in ["n1", "n2"] {
            assert!(shell(folder, &format!("slurmd -N {node} -f slurm.conf")), "{node}");
        }
        let began = Instant::now();
        while !shell(folder, "sinfo --noheader | grep -q idle") {
            assert!(began.elapsed() < Duration::from_mins(1), "no node is idle");
            thread::sleep(Duration::from_millis(200));
        }
        assert!(shell(folder, OPERATOR), "the operator does not start");
        Some(slurm)
    }
}

impl Drop for Slurm<'_> {
    fn drop(&mut self) {
        shell(self.folder, "scancel -u root; for file in *.pid; do kill -9 $(cat $file); done");
    }
}

#[test]
fn slurm_leaves_the_same_bytes_when_tasks_and_the_controller_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_slurm) = Slurm::start(folder.path()) else { return };
    let workshop = workshop(SWEEP);
    let conf = folder.path().join("slurm.conf");
    let home = workshop.text("there/small-sweep");
    with_scheduler(&workshop, "slurm", ("SLURM_CONF", &conf), |number| {
        // A task, the controller, a task.
        let kill = match number {
            1 => "kill -9 $(cat slurmctld.pid); \
                  timeout 60 sh -c 'until slurmctld -f slurm.conf; do sleep 0.5; done'"
                .to_owned(),
            _ => format!("pkill -KILL -n -f 'jobs run {home}'"),
        };
        shell(folder.path(), &kill);
    });
}

#[test]
fn slurm_refuses_a_partition_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_slurm) = Slurm::start(folder.path()) else { return };
    let workshop = workshop(SWEEP);
    let run = |more: &[&str]| {
        let words = words(&workshop, "sweep", "there", &[&["--on", "slurm"], more].concat());
        let conf = folder.path().join("slurm.conf");
        Said::of(command(&words).env("SLURM_CONF", conf).spawn().unwrap())
    };
    let said = run(&["-S", "cluster.queue=nope"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("nope") && said.err.contains("`sinfo` lists"), "{}", said.err);
    done(&run(&["-S", "cluster.queue=main"]));
}

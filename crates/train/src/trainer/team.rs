//! A thread for each further device, for as long as a trainer lives.
//!
//! On GPUs a thread is more than a thread: CubeCL gives each a stream of its own, with its own pools of memory, and orders what is launched
//! on one stream alone. All that is done on a device is therefore done by one thread.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use rayon::Yield;

/// Threads with a state each, beside the one that asks them, which has such a state too and is the first.
pub(super) struct Team<S> {
    others: Vec<Worker<S>>,
}

struct Worker<S> {
    jobs: Sender<Job<S>>,
}

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// What a job is to give, or the panic that it ended in.
struct Answer<R>(Receiver<Result<R, Box<dyn Any + Send>>>);

impl<S: Send + 'static> Team<S> {
    /// With a thread for each of these states.
    pub(super) fn new(others: impl IntoIterator<Item = S>) -> Self {
        Self { others: others.into_iter().map(Worker::new).collect() }
    }

    /// What `job` gives for every number and state, the asking thread's `own` first. Waits for all; the panic of one becomes that of this
    /// thread.
    pub(super) fn each<R: Send + 'static>(
        &self,
        own: &mut S,
        job: impl Fn(usize, &mut S) -> R + Clone + Send + 'static,
    ) -> Vec<R> {
        let answers = self.ask(job.clone());
        let own = job(0, own);
        [own].into_iter().chain(answers.into_iter().map(Answer::wait)).collect()
    }

    /// The same of the other threads alone.
    pub(super) fn others<R: Send + 'static>(
        &self,
        job: impl Fn(usize, &mut S) -> R + Clone + Send + 'static,
    ) -> Vec<R> {
        self.ask(job).into_iter().map(Answer::wait).collect()
    }

    fn ask<R: Send + 'static>(
        &self,
        job: impl Fn(usize, &mut S) -> R + Clone + Send + 'static,
    ) -> Vec<Answer<R>> {
        let ask = |(index, worker): (usize, &Worker<S>)| {
            let job = job.clone();
            worker.ask(move |state| job(index + 1, state))
        };
        self.others.iter().enumerate().map(ask).collect()
    }
}

impl<S> fmt::Debug for Team<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Team({} others)", self.others.len())
    }
}

impl<S: Send + 'static> Worker<S> {
    /// Its thread ends with the last job after this is dropped. Nobody waits for that: a device may hang.
    fn new(mut state: S) -> Self {
        let (jobs, given) = channel::<Job<S>>();
        thread::spawn(move || given.into_iter().for_each(|job| job(&mut state)));
        Self { jobs }
    }

    fn ask<R: Send + 'static>(&self, job: impl FnOnce(&mut S) -> R + Send + 'static) -> Answer<R> {
        let (answer, answered) = channel();
        let job = move |state: &mut S| {
            let result = catch_unwind(AssertUnwindSafe(|| job(state)));
            // Whoever has panicked meanwhile does not listen.
            let _ = answer.send(result);
        };
        self.jobs.send(Box::new(job)).expect("a thread outlives its panics");
        Answer(answered)
    }
}

impl<R> Answer<R> {
    fn wait(self) -> R {
        /// Between two looks for work of the pool.
        const PAUSE: Duration = Duration::from_micros(50);
        // A thread of rayon's pool that only waited could keep the last one from the work that the answer waits for.
        let received = loop {
            match self.0.try_recv() {
                Err(TryRecvError::Empty) => {}
                result => break result.ok(),
            }
            match rayon::yield_now() {
                None => break self.0.recv().ok(),
                Some(Yield::Executed) => {}
                Some(Yield::Idle) => match self.0.recv_timeout(PAUSE) {
                    Err(RecvTimeoutError::Timeout) => {}
                    result => break result.ok(),
                },
            }
        };
        received.expect("every job answers").unwrap_or_else(|panic| resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn every_state_keeps_its_thread() {
        let team = Team::new([10, 20]);
        let mut own = 0;
        let count = |rank: usize, state: &mut usize| {
            *state += rank;
            (*state, thread::current().id())
        };
        let [first, second] = [team.each(&mut own, count), team.each(&mut own, count)];
        let states =
            |answers: &[(usize, thread::ThreadId)]| answers.iter().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!((states(&first), states(&second)), (vec![0, 11, 22], vec![0, 12, 24]));
        assert!(first.iter().zip(&second).all(|(first, second)| first.1 == second.1));
        assert_eq!(states(&team.others(count)), [13, 26]);
    }

    #[test]
    fn a_panic_comes_through_and_the_thread_stays() {
        let team = Team::new([1]);
        let panic = catch_unwind(AssertUnwindSafe(|| team.others(|_, _| panic!("the second device"))));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"the second device"));
        assert_eq!(team.others(|_, state| *state), [1]);
    }

    /// The only thread of the pool waits, and the others want it to work.
    #[test]
    fn a_pool_of_one_thread_does_what_it_waits_for() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let pool = std::sync::Arc::new(pool);
        let team = Team::new([()]);
        let inner = pool.clone();
        let work = move |rank: usize, (): &mut ()| {
            let sum = || (0..1000_usize).into_par_iter().sum::<usize>();
            if rank == 0 { 0 } else { inner.install(sum) }
        };
        assert_eq!(pool.install(|| team.each(&mut (), work)), [0, 499_500]);
    }
}

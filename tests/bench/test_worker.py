"""Systems in processes of their own: what comes back, what failures say, and that their threads are at rest."""

import os

import numpy as np
import pytest
from bench.timing import Effort, interleave
from bench.worker import LONGEST_REST, Worker, WorkerError, settle, workers


class Toy:
    """A system that is quickly made."""

    name, models = "toy", 3

    def __init__(self, factor):
        self.factor = factor

    def measure(self, steps):
        print("what a library prints is no answer")
        return steps, self.factor * steps

    def losses(self, order):
        return self.factor * order.sum(axis=1)

    def environment(self, name):
        return os.environ.get(name), os.getpid()

    def fail(self):
        raise ValueError("no such number")

    def vanish(self):
        os._exit(7)


@pytest.fixture(scope="module")
def toy():
    with workers([Worker(Toy, 2.0, BENCH_SEEN="yes")]) as (worker,):
        yield worker


def test_a_system_answers_from_another_process(toy):
    assert (toy.name, toy.models) == ("toy", 3)
    assert toy.measure(5) == (5, 10.0)
    assert toy.losses(np.arange(6).reshape(2, 3)).tolist() == [6.0, 24.0]
    seen, process = toy.call("environment", "BENCH_SEEN")
    assert seen == "yes"
    assert process != os.getpid()
    assert 0 <= toy.rest <= LONGEST_REST


def test_a_worker_is_timed_like_a_system(toy):
    assert interleave([toy], Effort(2, 0.5)) == {"toy": [pytest.approx(2e6 / 3)] * 2}


@pytest.mark.parametrize(("method", "words"), [("fail", "status 1.*no such number"), ("vanish", "status 7")])
def test_a_failure_says_what_the_worker_wrote(method, words):
    with workers([Worker(Toy, 1.0)]) as (worker,):
        with pytest.raises(WorkerError, match=f"(?s){words}"):
            worker.call(method)
        with pytest.raises(WorkerError, match="status"):
            worker.measure(1)


def test_a_system_that_cannot_be_made_is_no_worker():
    with pytest.raises(WorkerError, match="required positional argument"), workers([Worker(Toy)]):
        pass


class Busy:
    """A process with a thread that spins until a time, and a clock that only sleep moves."""

    def __init__(self, until):
        self.until, self.now = until, 0.0

    def running(self):
        return min(self.now, self.until)

    def sleep(self, seconds):
        self.now += seconds

    def settled(self):
        return settle(self.running, lambda: self.now, self.sleep)


@pytest.mark.parametrize("until", [0.0, 0.035, 0.2])
def test_a_process_is_at_rest_when_its_time_stands_still(until):
    assert Busy(until).settled() == pytest.approx(until, abs=0.011)


def test_what_never_rests_is_not_waited_for():
    busy = Busy(1000.0)
    assert busy.settled() == LONGEST_REST
    assert busy.now == pytest.approx(LONGEST_REST, abs=0.011)

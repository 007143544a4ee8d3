"""A loop that cannot be taken apart: watched while it runs, without experiments, so that nothing is proved."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchdae.arguments import array, having, integer
from scratchdae.doctor.causes import CAUSES
from scratchdae.doctor.evidence import Evidence
from scratchdae.doctor.report import Named, Report

if TYPE_CHECKING:
    from scratchdae.doctor.patients.torch_watch import Observer

_SUSPECTED = 0.65  # from here on a cause is told
_DOUBT = 0.5  # of a suspicion that no experiment confirmed
_NEAR = 0.15  # of what the best linear network explains
_MOST = 10_000  # examples that are kept
_NO_EXPERIMENTS = "no experiments were made, since the loop is your own: causes are suspicions, and no repair was tried"


class Watch:
    """What ``with scratchdae.doctor.watch(model, optimizer, x) as watch:`` gives; `report` says what was seen."""

    def __init__(self, model: Any, optimizer: Any, x: Any, every: int = 10) -> None:
        self.model = having("model", model, "a torch.nn.Module", "named_modules", "parameters")
        self.optimizers = list(optimizer) if isinstance(optimizer, list | tuple) else [optimizer]
        for one in self.optimizers:
            having("optimizer", one, "a torch optimizer, or a list of them", "param_groups", "step")
        self.every = integer("every", every)
        examples = array("x", x.detach().cpu().numpy() if hasattr(x, "detach") else x)
        if examples.ndim < 2 or not examples.size or examples.dtype.kind not in "fiu":
            raise ValueError(f"x must hold examples (N, ...), one a row, found {examples.dtype} {examples.shape}")
        flat = examples.reshape(len(examples), -1)
        self.x = flat[: _MOST if len(flat) > _MOST else None].astype(np.float64)
        self._observer: Observer | None = None
        self._began = self._seconds = 0.0

    def __enter__(self) -> "Watch":
        from scratchdae.doctor.patients.torch_watch import Observer

        self._began = time.monotonic()
        self._observer = Observer(self.model, self.optimizers, self.x, self.every)
        self._observer.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._observer is not None
        self._seconds = time.monotonic() - self._began
        self._observer.end()

    def report(self) -> Report:
        """Return floors, facts and the trace; the block must have ended."""
        observer = self._observer
        if observer is None or observer.read is None:
            raise ValueError("report is of a loop that has run, found none: with doctor.watch(...) as watch: ...")
        from scratchdae.doctor.examination import floors_of
        from scratchdae.doctor.expected import expect

        report = Report("unknown", "no step was seen: backward was never called, or under another mode of yours")
        anatomy = report.anatomy = observer.anatomy()
        report.facts, report.unseen = anatomy.facts, (*anatomy.unseen, _NO_EXPERIMENTS)
        report.about = {
            "framework": anatomy.framework, "examples": len(self.x), "numbers": self.x.shape[1],
            "batch_size": observer.batch, "steps": observer.steps, "seconds": round(self._seconds, 2),
        }  # fmt: skip
        if not np.isfinite(self.x).all() or not observer.at:
            report.causes = _of_facts(report)
            return report
        held_out = self.x[-max(2, len(self.x) // 10) :]
        one, none = np.ones(()), np.zeros(())
        expected = expect(self.x, held_out, anatomy, np.random.default_rng(0), (one, none))
        report.floors, report.judged = floors_of(expected, anatomy), "the batches that were trained on"
        report.watched = base = observer.outcome()
        report.score = base.score
        evidence = Evidence(anatomy, expected, base, self.x, max(1, observer.batch))
        suspected = {name: _DOUBT * float(cause.suspicion(evidence)) for name, cause in CAUSES.items()}
        ranked = sorted(
            (name for name in suspected if suspected[name] >= _DOUBT * _SUSPECTED), key=lambda c: -suspected[c]
        )
        told = f"{100 * min(base.score, 9.99):.3g} % of the variance of the batches is unexplained at the end"
        finite = bool(np.isfinite(base.loss).all())
        if np.isnan(base.score) or not finite:
            told = "the loss is not finite" if not finite else "what reconstructions leave could not be seen"
        elif not anatomy.facts and evidence.share < _NEAR:
            report.verdict = "at_floor" if expected.linear > _NEAR else "healthy"
            told += f", about what the best linear network with this code leaves, {100 * expected.linear:.3g} %"
        if report.verdict == "unknown":
            report.causes = [Named(name, round(suspected[name], 2)) for name in ranked[:5]]
        report.sentence = f"{told}; no experiments were made"
        return report


def _of_facts(report: Report) -> list[Named]:
    return [Named(cause, _DOUBT) for cause in dict.fromkeys(fact.cause for fact in report.facts)]


def watch(model: Any, optimizer: Any, x: Any, every: int = 10) -> Watch:
    """Watch a PyTorch loop of one's own: ``with watch(model, optimizer, x) as seen: ...``, then ``seen.report()``.

    Parameters
    ----------
    model : torch.nn.Module
        What is trained; its state is not changed.
    optimizer : torch.optim.Optimizer or list of them
        What trains it.
    x : ndarray or tensor, shape (N, ...)
        The examples, as the loop feeds them.
    every : int
        Steps from one look to the next; the first five are looked at closely.

    Returns
    -------
    Watch
        A context whose `report` says what was seen. All hooks are gone when it ends.
    """
    return Watch(model, optimizer, x, every)

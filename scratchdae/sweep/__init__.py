"""Many trainings at once: trials run here, on a pool of processes or on a cluster, and what is done stays done.

A trial is a function that can be imported by name, arguments that go into JSON, and a seed. From the three comes its
key, under which its result is a line of a file; a sweep that starts again skips the trials that are there. The seed,
where none is given, comes from the seed of the sweep and the trial's own specification. So no result depends on the
order of the trials, on the other trials, or on where and beside what it was computed. (The number of BLAS threads
decides the last bits of a product: `processes` gives every worker the same, one unless told otherwise.)

A script that chooses a learning rate, a fraction destroyed and a number of hidden units::

    import numpy as np
    from scratchdae import Corruption, DenoisingAutoencoder, datasets, fit, streams
    from scratchdae.sweep import Choice, LogUniform, Trial, Uniform, best, processes, random_search, sweep

    def train(lr, nu, n_hidden, epochs, seed, out):
        x = datasets.digits().x_train
        model = DenoisingAutoencoder(x.shape[1], n_hidden, streams(seed).initialisation, dtype="float32")
        history = fit(model, x[:3000], epochs=epochs, lr=lr, corruption=Corruption("masking", nu),
                      validation=x[3000:], seed=seed, out=out, resume=True, progress=False)
        return {"validation_loss": history["validation_loss"].min()}

    if __name__ == "__main__":
        settings = random_search(20, np.random.default_rng(0), lr=LogUniform(0.01, 1.0), nu=Uniform(0.0, 0.5),
                                 n_hidden=Choice((250, 500, 1000)))
        trials = [Trial(train, {**setting, "epochs": 10}) for setting in settings]
        results = sweep(trials, processes(2), file="runs/sweep.jsonl", folders="runs/sweep")
        print(best(results, "validation_loss").trial.arguments)

Stop it in whatever way and start it again: the trials in ``runs/sweep.jsonl`` are not run again, and one that was
under way goes on from its last whole epoch, because `fit` resumes in ``out``, the trial's own folder. On a cluster
``processes(2)`` becomes ``client.get_executor``, of a ``dask.distributed.Client``; the workers must be able to import
the function, so it then belongs in a module of its own.
"""

from scratchdae.sweep.executors import processes
from scratchdae.sweep.outcomes import Failure, Result, best
from scratchdae.sweep.search_space import Choice, Integers, LogUniform, Uniform, grid, random_search
from scratchdae.sweep.sweeping import sweep
from scratchdae.sweep.trial import Trial

__all__ = [
    "Choice",
    "Failure",
    "Integers",
    "LogUniform",
    "Result",
    "Trial",
    "Uniform",
    "best",
    "grid",
    "processes",
    "random_search",
    "sweep",
]

"""``scratchdae book``: pages made of what the project has."""

import argparse
import webbrowser
from functools import partial
from pathlib import Path

from scratchdae import atomic
from scratchdae.arguments import integer
from scratchdae.cli import chapters
from scratchdae.cli.processes import usable_cores
from scratchdae.cli.results import writable_file, writable_folder

_RESULTS = chapters.FOLDERS[0].with_name("_results")  # of an installed wheel


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write pages made of what the project has, which ask no other machine."
    actions = parser.add_subparsers(title="pages", metavar="PAGE")
    parser = actions.add_parser(
        "build",
        help="the book: every chapter run and typeset, symptoms, results, interface",
        description="Build the book: every chapter run in quick size and typeset, the index of symptoms with pictures, "
        "failures, results, exercises, frozen cases, the interface, the laboratory. What has not changed is not run "
        "again. A chapter that raises, a warning, or a link that leads nowhere fails the build.",
    )
    parser.set_defaults(run=build)
    _folder(parser)
    parser.add_argument("--no-run", action="store_true", help="do not run the chapters: text, code and kept figures")
    parser.add_argument("--chapter", action="append", metavar="NAME|NUMBER", help="run this one alone; can be repeated")
    parser.add_argument("--jobs", type=int, metavar="N", help="chapters at a time (the cores there are, but at most 2)")

    parser = actions.add_parser("serve", help="open the book in the browser", description="Serve a book that is built.")
    parser.set_defaults(run=serve)
    _folder(parser)
    parser.add_argument("--port", type=int, default=8000, help="(8000; 0 for any that is free)")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")

    parser = actions.add_parser(
        "lab",
        help="a training in the browser that can be broken and repaired",
        description="Write the laboratory: one page that trains a denoising autoencoder on the embedded digits, shows "
        "seventeen failures and the number by which each is known, takes drawings, and checks its own gradient and its "
        "own mathematics. It asks nothing of any other machine.",
    )
    parser.set_defaults(run=lab)
    parser.add_argument("--out", type=Path, default=Path("lab.html"), metavar="FILE", help="the page (lab.html)")
    parser.add_argument("--open", action="store_true", help="open it in the browser")


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("book"), metavar="DIR", help="folder of the book (book/)")


def build(options: argparse.Namespace) -> int:
    """Build the book, and say where it is and how long it took."""
    from scratchdae.book import building
    from scratchdae.book.reference import Exercise
    from scratchdae.exercises.catalogue import EXERCISES

    scripts = chapters.find()
    jobs = min(chapters.DEFAULT_JOBS, usable_cores()) if options.jobs is None else integer("jobs", options.jobs)
    if options.no_run and options.chapter:
        raise ValueError("--no-run runs none, --chapter one: give one of the two")
    run = [] if options.no_run else scripts
    if options.chapter:
        run = [chapters.choose(which, scripts) for which in options.chapter]
    writable_folder("--out", options.out)
    figures = _RESULTS if scripts[0].parent == chapters.FOLDERS[0] else scripts[0].parent.with_name("figures")
    found = building.build(
        building.Sources(
            scripts,
            run,
            figures if figures.is_dir() else None,
            [
                Exercise(one.id, one.name, one.teaches, one.builds_on, "" if one.judge else one.chapter)
                for one in EXERCISES
            ],
        ),
        options.out,
        chapters.environment_of(scripts[0]),
        jobs,
    )
    print(f"{found.ran} of {len(run)} chapters run, the others were kept" if run else "no chapter run")
    print(f"pages {found.page}\n{found.seconds:.0f} s")
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve the pages to this machine alone, until Ctrl-C."""
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    folder = options.out / "html"
    if not (folder / "index.html").is_file():
        raise FileNotFoundError(f"{folder} holds no book: scratchdae book build --out {options.out}")
    port = integer("port", options.port, at_least=0, at_most=65_535)
    with ThreadingHTTPServer(("127.0.0.1", port), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"book {address} (Ctrl-C ends it)", flush=True)
        if not options.no_open:
            webbrowser.open(address)
        server.serve_forever()
    return 0


def lab(options: argparse.Namespace) -> int:
    """Write the page, whole or not at all."""
    from scratchdae.book import laboratory

    writable_file("--out", options.out, (".html", ".htm"))
    atomic.write(options.out, laboratory().encode())
    print(f"page {options.out}")
    if options.open:
        webbrowser.open(options.out.absolute().as_uri())
    return 0

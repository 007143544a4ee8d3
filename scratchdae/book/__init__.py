"""Pages made of what the project has: today the laboratory, a training in the browser that can be broken."""

from scratchdae.book.laboratory import laboratory as laboratory
from scratchdae.book.small_figures import small_figures as small_figures

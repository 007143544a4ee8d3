def rows(): return []
def answers(a, b): return {}

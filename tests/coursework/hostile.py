"""What code in a submission may try against the grader: each text runs in one cell and prints what it could do, a list.
`test_grading` runs them in the sandbox and expects an empty list from each."""

START = "import os, sys, json, socket, subprocess, pathlib, ctypes\nfound = []\n"
END = "\nprint(json.dumps(found))"

READS = """
for place in SECRETS:
    for path in [pathlib.Path(place), *pathlib.Path(place).parents]:
        try:
            found += [str(path)] if path.is_file() and path.read_bytes() else []
        except OSError:
            pass
for name in ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/1/root/etc/passwd", "/dev/vda"):
    try:
        found += [name] if open(name, "rb").read(1) else []
    except OSError:
        pass
for top in ("/root", "/home", "/tmp", "/mnt", "/srv", "/var", "/book"):
    found += [str(path) for path in pathlib.Path(top).rglob("*.ipynb") if "site-packages" not in str(path)]
"""
ENVIRONMENT = """
found += [name for name in os.environ if "SECRET" in name or "TOKEN" in name]
try:
    found += ["parent"] if b"SECRET" in pathlib.Path("/proc/1/environ").read_bytes() else []
except OSError:
    pass
"""
NETWORK = """
for address in (("127.0.0.1", PORT), ("1.1.1.1", 53), ("169.254.169.254", 80)):
    try:
        socket.create_connection(address, timeout=2)
        found.append(address)
    except OSError:
        pass
try:
    found += [socket.getaddrinfo("example.org", 80)]
except OSError:
    pass
try:
    box = socket.socket(socket.AF_UNIX)
    box.connect(ABSTRACT)
    found.append("abstract socket")
except OSError:
    pass
"""
PROCESSES = """
names = [int(name) for name in os.listdir("/proc") if name.isdigit()]
found += ["sees the host's processes"] if len(names) > 20 or TESTER in names else []
try:
    os.kill(TESTER, 9)
    found.append(TESTER)
except OSError:
    pass
"""
WRITES = """
tops = ["/", "/book", "/book/helpers", "/book/chapters", "/dev", "/usr", "/usr/bin", "/lib", "/etc", "/proc/sys/kernel",
        sys.prefix, sys.base_prefix, os.path.dirname(os.__file__), "/sys", "/run", "/var", "/root", "/home"]
for top in tops:
    try:
        with open(os.path.join(top, "mark-of-a-submission"), "w") as file:
            file.write("x")
        found.append(top)
    except OSError:
        pass
for path in ("/book/helpers/checks.py", "/book/run_cells.py", sys.executable):
    try:
        open(path, "ab").write(b" ")
        found.append(path)
    except OSError:
        pass
"""
RIGHTS = """
libc = ctypes.CDLL(None, use_errno=True)
for name, call in {"setuid": lambda: libc.setuid(0), "user namespace": lambda: libc.unshare(0x10000000),
                   "mount namespace": lambda: libc.unshare(0x20000), "chroot": lambda: libc.chroot(b"/tmp"),
                   "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)}.items():
    child = os.fork()
    if child == 0:
        os._exit(call() == 0)
    found += [name] if os.waitpid(child, 0)[1] else []
for command in ("sudo -n true", "su -c true", "unshare -Urm true", "bwrap --unshare-user --bind / / true"):
    found += [command] if subprocess.run(command, shell=True, capture_output=True).returncode == 0 else []
"""
DISK = """
written = 0
for top in ("/tmp", "/dev/shm", os.getcwd(), "/run", "/var/tmp"):
    for number in range(40):
        try:
            with open(f"{top}/fill-{number}", "wb", buffering=0) as file:
                while written < 2e9 and file.write(bytes(1_000_000)) == 1_000_000:
                    written += 1_000_000
        except OSError:
            pass
found += [f"{written / 1e6:.0f} MB"] if written > 320e6 else []
"""
PIDS = """
import threading
children, end = 0, threading.Event()
try:
    for _ in range(1000):
        threading.Thread(target=end.wait, daemon=True).start()
        children += 1
except RuntimeError:
    pass
end.set()
found += [f"{children} threads"] if children > 400 else []
"""
PROBES = {"reads": READS, "environment": ENVIRONMENT, "network": NETWORK, "processes": PROCESSES, "writes": WRITES,
          "rights": RIGHTS, "disk": DISK, "threads": PIDS}  # fmt: skip

# What a submission may change around it, for itself or for those after it: {what: (code, what to look at)}
WRITE = """
import os, pathlib, site, sys
home = pathlib.Path.home()
def write(text, *places):
    for place in map(pathlib.Path, places):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        except OSError:
            pass
"""
PACKAGES = "[*site.getsitepackages(), site.getusersitepackages()]"
BOOK = "import sys\nsys.path.insert(0, '/book')\n"
CHANGES = {
    "pip install": ('%pip install -q "tqdm==4.66.5"', "import tqdm\nprint(tqdm.__version__)"),
    "pip install --user": ('!pip install -q --user "tqdm==4.66.5"', "import tqdm\nprint(tqdm.__file__)"),
    "a package": (f"write('x = 1', *[p + '/mine.py' for p in {PACKAGES}])",
                  "import importlib.util\nprint(importlib.util.find_spec('mine'))"),
    "sitecustomize": (f"write('import sys; sys.mine = 1', *[p + '/sitecustomize.py' for p in {PACKAGES}])",
                      "import sys\nprint(hasattr(sys, 'mine'))"),
    "a .pth file": (f"write('import sys; sys.mine = 1', *[p + '/mine.pth' for p in {PACKAGES}])",
                    "import sys\nprint(hasattr(sys, 'mine'))"),
    "helpers": (f"{BOOK}import helpers.checks\nwrite('same = lambda *a, **k: None', helpers.checks.__file__)",
                f"{BOOK}import helpers.checks\nprint(helpers.checks.same.__name__)"),
    "helpers beside": ("write('', 'helpers/__init__.py', '/book/chapters/torch.py', 'torch.py')",
                       "import torch\nprint(torch.__file__)"),
    "IPython's start": ("write('mine = 1', home / '.ipython/profile_default/startup/a.py',"
                        " os.environ['IPYTHONDIR'] + '/profile_default/startup/a.py')", "print('mine' in globals())"),
    "a kernel": ("write('{}', home / '.local/share/jupyter/kernels/python3/kernel.json',"
                 " os.environ['JUPYTER_DATA_DIR'] + '/kernels/python3/kernel.json')",
                 "from jupyter_client import kernelspec as k\nprint(k.find_kernel_specs())"),
    "matplotlibrc": ("write('lines.linewidth: 77', 'matplotlibrc', os.environ['MPLCONFIGDIR'] + '/matplotlibrc')",
                     "import matplotlib\nprint(matplotlib.rcParams['lines.linewidth'])"),
    "home": ("write('x', home / '.mine', home / '.bashrc')", "!ls -a ~ | grep -e mine -e bashrc || echo none"),
    "temporary files": ("write('x', '/tmp/mine', '/dev/shm/mine', '/var/tmp/mine', 'mine')",
                        "!ls /tmp/mine /dev/shm/mine /var/tmp/mine mine 2>/dev/null || echo none"),
    "variables": ("os.environ['MINE'] = '1'\nos.putenv('MINE', '1')", "import os\nprint(os.environ.get('MINE'))"),
    "a limit": ("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
                "import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE))"),
}  # fmt: skip

# These have to be stopped, or to fail: (code, a word of how it ended)
BOMBS = {
    "forks": ("import os\nwhile True:\n    os.fork()", "more than"),
    "memory": ("blocks = []\nwhile True:\n    blocks.append(bytes(10**8) + b'x')", "MemoryError"),
    "memory of many": (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        b = b'x' * 2_000_000_000\n"
        "        time.sleep(60)\ntime.sleep(60)",
        "more than",
    ),
    "shared memory": (
        "import mmap, time\nm = mmap.mmap(-1, 8 * 10**9)\nwhile True:\n    m.write(b'x' * 10**7)",
        "more than",
    ),
    "exit": ("import os\nos._exit(3)", "ended"),
    "crash": ("import ctypes\nctypes.string_at(0)", "ended"),
    "kill": ("import os\nos.kill(-1, 9)", "ended"),
    "flood": ("while True:\n    print('x' * 10**6)", " than "),
    "forged lines": (
        'import os\nfor d in range(3, 50):\n    try:\n        os.write(d, b\'{"index": 0, "outputs": 7}\\n[]\\n\')\n'
        "    except OSError:\n        pass\nos._exit(0)",
        "ended",
    ),
}
SLEEPER = "import time; time.sleep(777)"
SURVIVOR = """
import os, sys, time
for step in range(2):
    if os.fork():
        break
    os.setsid()
else:
    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(777)"])
time.sleep(1)
"""

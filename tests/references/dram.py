"""A DRAM and its controller, object by object and clock by clock: the oracle of accelsim.memory.bank.

Each command remembers when it was last given and where; a command is ready when every rule of the data sheet says so
(JESD79-4, JESD209-4, JESD235). Of the package's code only the fields of a device as a user writes them are read.
"""

from dataclasses import dataclass, field

FAR_PAST = -(10**9)


@dataclass
class Request:
    address: int
    rank: int
    group: int
    bank: int
    row: int
    burst: int
    is_write: bool
    answers: int = 1


@dataclass
class Bank:
    row: int | None = None
    hits: int = 0


@dataclass
class Channel:
    reads: list = field(default_factory=list)
    writes: list = field(default_factory=list)
    draining: int = 0
    turn: int = 0
    refreshes: list = field(default_factory=list)
    refresh_count: int = 0
    refreshing: bool = False
    history: list = field(default_factory=list)  # (clock, command, rank, group, bank), newest last


class ReferenceDram:
    def __init__(self, device, power_down_after=None):
        self.d = device
        self.power_down_after, self.busy_until = power_down_after, {}  # by (channel, rank), the first idle clock
        self.active_down = self.idle_down = 0
        grain, depth, waiting, unified = device.queue.split("/")  # as in PER_BANK/cmdq8/transq32/unified=False
        self.per_bank, self.unified = grain == "PER_BANK", unified == "unified=True"
        self.depth, self.transactions = int(depth[len("cmdq") :]), int(waiting[len("transq") :])
        banks = device.bankgroups * device.banks_per_group
        count = device.ranks * (banks if self.per_bank else 1)
        is_hbm = device.device_width >= 64  # its row and column commands have buses of their own
        self.dual = is_hbm if device.dual_commands is None else device.dual_commands
        split = self.dual and device.tRCDRD is not None  # only HBM's data sheet tells reads from writes after ACT
        self.read_rcd = device.tRCDRD if split else device.tRCD
        self.write_rcd = device.tRCDWR if self.dual and device.tRCDWR is not None else self.read_rcd
        lpddr4_ppd = 2 if device.BL == 16 else 0  # tPPD: precharge to precharge, a rule of LPDDR4 alone
        self.ppd = lpddr4_ppd if device.tPPD is None else device.tPPD
        self.channels = [Channel() for _ in range(device.channels)]
        self.banks = [{} for _ in self.channels]
        self.queues = [[[] for _ in range(count)] for _ in self.channels]
        self.counts = dict.fromkeys(("ACT", "PRE", "RD", "WR", "REF", "hits"), 0)
        self.active = self.idle = 0
        self.last_return = self.last_write = 0

    # the address

    def decode(self, address):
        number, parts = address // self.d.req_bytes, {}
        sizes = {
            "ch": self.d.channels, "ra": self.d.ranks, "bg": self.d.bankgroups, "ba": self.d.banks_per_group,
            "ro": self.d.rows, "co": self.d.columns // self.d.BL,
        }  # fmt: skip
        text = self.d.address_mapping
        for name in reversed([text[i : i + 2] for i in range(0, 12, 2)]):
            parts[name], number = number % sizes[name], number // sizes[name]
        return parts

    # timing

    def wait(self, before, after, near):
        """Clocks from `before` to `after`, 0 without a rule; near is 3 in the bank, 2 in its group, 1 in its rank."""
        d = self.d
        several = d.bankgroups > 1
        column = {"RD": "RD", "RDA": "RD", "WR": "WR", "WRA": "WR"}
        one, two = column.get(before), column.get(after)
        rules = []
        if near == 3:
            rules += [
                {("ACT", "RD"): self.read_rcd, ("ACT", "WR"): self.write_rcd, ("ACT", "PRE"): d.tRAS,
                 ("ACT", "ACT"): d.tRAS + d.tRP, ("PRE", "ACT"): d.tRP, ("PRE", "REF"): d.tRP,
                 ("RD", "PRE"): d.tRTP, ("WR", "PRE"): d.WL + d.burst_cycle + d.tWR,
                 ("RDA", "ACT"): d.burst_cycle + d.tRTP + d.tRP, ("RDA", "REF"): d.tRTP + d.tRP,
                 ("WRA", "ACT"): d.WL + d.burst_cycle + d.tWR + d.tRP,
                 ("WRA", "REF"): d.WL + d.burst_cycle + d.tWR + d.tRP}.get((before, two or after), 0)
            ]  # fmt: skip
        if near >= 2 and several:
            rules += [{("ACT", "ACT"): d.tRRD_L}.get((before, after), 0)]
            rules += [{("RD", "RD"): d.tCCD_L, ("WR", "WR"): d.tCCD_L}.get((one, two), 0)]
            rules += [{("WR", "RD"): d.WL + d.burst_cycle + d.tWTR_L}.get((one, two), 0)]
        if near >= 1:
            rules += [{("ACT", "ACT"): d.tRRD_S, ("PRE", "PRE"): self.ppd}.get((before, after), 0)]
            rules += [{("REF", "ACT"): d.tRFC, ("REF", "REF"): d.tRFC}.get((before, after), 0)]
            rules += [{("RD", "RD"): d.tCCD_S, ("WR", "WR"): d.tCCD_S}.get((one, two), 0)]
            rules += [{("WR", "RD"): d.WL + d.burst_cycle + d.tWTR_S}.get((one, two), 0)]
            rules += [d.burst_cycle if one and one == two else 0]
        else:
            rules += [{("RD", "RD"): d.burst_cycle + d.tRTRS, ("WR", "WR"): d.burst_cycle}.get((one, two), 0)]
            rules += [{("WR", "RD"): d.WL + d.burst_cycle + d.tRTRS - d.RL}.get((one, two), 0)]
        rules += [d.RL + d.burst_cycle + d.tRTRS - d.WL if (one, two) == ("RD", "WR") else 0]
        return max(rules)

    def ready(self, c, command, rank, group, bank, clock):
        for at, before, r, g, b in self.channels[c].history:
            if before == "REF":
                near = 1 if r == rank else 0
            else:
                near = 0 if r != rank else 1 if g != group else 2 if b != bank else 3
            if clock < at + self.wait(before, command, near):
                return False
        if command == "ACT":
            acts = [at for at, name, r, _, _ in self.channels[c].history if name == "ACT" and r == rank]
            return len(acts) < 4 or clock >= acts[-4] + self.d.tFAW
        return True

    # commands

    def bank(self, c, rank, group, bank):
        return self.banks[c].setdefault((rank, group, bank), Bank())

    def give(self, c, command, rank, group, bank, row, clock):
        channel, state = self.channels[c], self.bank(c, rank, group, bank)
        channel.history = [h for h in channel.history if h[0] > clock - 1000]
        channel.history.append((clock, command, rank, group, bank))
        busy = {"RD": self.d.RL + self.d.burst_cycle, "WR": self.d.WL + self.d.burst_cycle + self.d.tWR}
        lasts = {"REF": self.d.tRFC, "RDA": busy["RD"], "WRA": busy["WR"], **busy}.get(command, 1)
        self.busy_until[c, rank] = max(self.busy_until.get((c, rank), 0), clock + lasts)
        self.counts[command[:2] if command in ("RDA", "WRA") else command] += 1
        if command == "ACT":
            state.row, state.hits = row, 0
        elif command in ("RD", "WR", "RDA", "WRA"):
            self.counts["hits"] += state.hits > 0
            state.hits += 1
        if command in ("PRE", "RDA", "WRA"):
            state.row, state.hits = None, 0

    def refresh(self, c, clock):
        """A precharge or the refresh itself for the rank in front; whether one went out."""
        channel = self.channels[c]
        rank, channel.refreshing = channel.refreshes[0], True
        all_ready = True
        for group in range(self.d.bankgroups):
            for bank in range(self.d.banks_per_group):
                is_open = self.bank(c, rank, group, bank).row is not None
                if is_open and self.ready(c, "PRE", rank, group, bank, clock):
                    self.give(c, "PRE", rank, group, bank, None, clock)
                    return True
                all_ready &= not is_open and self.ready(c, "REF", rank, group, bank, clock)
        if all_ready:
            self.give(c, "REF", rank, 0, 0, None, clock)
            channel.refreshes.pop(0)
            channel.refreshing = False
        return all_ready

    def candidate(self, c, queue, place, clock):
        """The command that the queue's entry needs, if it may be given now."""
        q = queue[place]
        where = (q.rank, q.group, q.bank)
        state = self.bank(c, *where)
        if state.row is None:
            command = "ACT"
        elif state.row == q.row:
            command = "WR" if q.is_write else "RD"
        else:
            command = "PRE"
        if not self.ready(c, command, *where, clock):
            return None
        older = queue[:place]
        if command == "PRE":
            if any((o.rank, o.group, o.bank) == where for o in older):
                return None
            pending = any((o.rank, o.group, o.bank) == where and o.row == state.row for o in queue[place:])
            return command if not pending or state.hits >= 4 else None
        if command == "WR" and any(not o.is_write and o.burst == q.burst for o in older):
            return None
        return command

    def next_command(self, c, clock):
        channel, queues = self.channels[c], self.queues[c]
        for _ in queues:
            channel.turn = (channel.turn + 1) % len(queues)
            rank = channel.turn // (len(queues) // self.d.ranks)
            if channel.refreshing and rank == channel.refreshes[0]:
                continue
            queue = queues[channel.turn]
            for place in range(len(queue)):
                command = self.candidate(c, queue, place, clock)
                if command:
                    return queue, place, command
        return None

    def send(self, c, queue, place, command, clock):
        q = queue[place]
        if command in ("RD", "WR"):
            queue.pop(place)
            if command == "RD":
                self.last_return = max(self.last_return, clock + self.d.RL + self.d.burst_cycle)
            else:
                self.last_write = max(self.last_write, clock + 1)
            command += "A" if self.d.row_policy == "CLOSE_PAGE" else ""
        self.give(c, command, q.rank, q.group, q.bank, q.row, clock)

    # requests

    def queue_of(self, c, q):
        per_group = self.d.banks_per_group
        place = (q.rank * self.d.bankgroups + q.group) * per_group + q.bank if self.per_bank else q.rank
        return self.queues[c][place]

    def find(self, c, address, is_write):
        channel = self.channels[c]
        everything = [*channel.reads, *channel.writes, *(q for queue in self.queues[c] for q in queue)]
        return next((q for q in everything if q.address == address and q.is_write == is_write), None)

    def offer(self, address, is_write, clock):
        """Whether the request is taken."""
        p = self.decode(address)
        c = p["ch"]
        channel = self.channels[c]
        waiting = channel.writes if is_write and not self.unified else channel.reads
        if len(waiting) >= self.transactions:
            return False
        if self.find(c, address, True):
            self.last_return = max(self.last_return, 0 if is_write else clock + 2)
            return True
        same = None if is_write else self.find(c, address, False)
        if same:
            same.answers += 1
        else:
            burst = address // self.d.req_bytes
            waiting.append(Request(address, p["ra"], p["bg"], p["ba"], p["ro"], burst, is_write))
        return True

    def schedule(self, c):
        channel = self.channels[c]
        if channel.draining == 0 and not self.unified:
            queued = any(self.queues[c])
            if len(channel.writes) >= self.transactions or (len(channel.writes) > 8 and not queued):
                channel.draining = len(channel.writes)
        if channel.draining:
            first = next((q for q in channel.writes if len(self.queue_of(c, q)) < self.depth), None)
            if first is None:
                return
            if not self.find(c, first.address, False):
                channel.draining -= 1
                channel.writes.remove(first)
                self.queue_of(c, first).append(first)
                return
            channel.draining = 0
        first = next((q for q in channel.reads if len(self.queue_of(c, q)) < self.depth), None)
        if first is not None:
            channel.reads.remove(first)
            self.queue_of(c, first).append(first)

    # the clock

    def tick(self, c, clock):
        channel, d = self.channels[c], self.d
        staggered = d.refresh_policy == "RANK_LEVEL_STAGGERED"
        if clock and clock % (d.tREFI // d.ranks if staggered else d.tREFI) == 0:
            ranks = [channel.refresh_count % d.ranks] if staggered else list(range(d.ranks))
            channel.refreshes += ranks
            channel.refresh_count += 1
        sent = self.refresh(c, clock) if channel.refreshes else False
        column = False
        if not sent:
            sendable = self.next_command(c, clock)
            if sendable:
                sent, column = True, sendable[2] in ("RD", "WR")
                self.send(c, *sendable, clock)
        if sent and self.dual:
            sendable = self.next_command(c, clock)
            if sendable and (sendable[2] in ("RD", "WR")) != column:
                self.send(c, *sendable, clock)
        for rank in range(d.ranks):
            is_open = any(b.row is not None for (r, _, _), b in self.banks[c].items() if r == rank)
            self.active, self.idle = self.active + is_open, self.idle + (not is_open)
            after = self.power_down_after
            if after is not None and clock - self.busy_until.get((c, rank), 0) >= after:
                self.active_down, self.idle_down = self.active_down + is_open, self.idle_down + (not is_open)
        self.schedule(c)

    def quiet(self):
        for c, channel in enumerate(self.channels):
            if channel.reads or channel.draining or any(self.queues[c]):
                return False
            if not self.unified and (len(channel.writes) > 8 or len(channel.writes) >= self.transactions):
                return False
        return True

    def replay(self, addresses, is_write, interval):
        """(cycles, row hits, activates, precharges, refreshes, energy in pJ)."""
        clock = index = 0
        end = None
        while end is None or clock < end:
            for c in range(self.d.channels):
                self.tick(c, clock)
            offered = 0
            while index < len(addresses) and offered < self.d.issue_width and int(index * interval) <= clock:
                if not self.offer(int(addresses[index]), bool(is_write[index]), clock):
                    break
                index, offered = index + 1, offered + 1
            clock += 1
            if end is None and index == len(addresses) and self.quiet():
                end = max(self.last_return + 1, self.last_write, clock)
        n, d = self.counts, self.d
        charge = n["ACT"] * d.act_inc + n["RD"] * d.read_inc + n["WR"] * d.write_inc + n["REF"] * d.ref_inc
        charge += self.active * d.act_stb_inc + self.idle * d.pre_stb_inc
        cycles = max(self.last_return, self.last_write)
        return cycles, n["hits"], n["ACT"], n["PRE"], n["REF"], charge * d.tCK

# Runs inside the sandbox, before the command: bridge.pl PORT=SOCKET... -- COMMAND ARGS...
# Listens on 127.0.0.1:PORT and hands each connection to the unix socket, because tools know proxies by host and port, and the sandbox
# has no network but this. Then becomes the command. Perl without modules, because it starts in a few milliseconds.
use strict;
$SIG{CHLD} = 'IGNORE';
my ($AF_UNIX, $AF_INET, $STREAM, $DGRAM) = (1, 2, 1, 2);

# A new network namespace may have its loopback down. SIOCSIFFLAGS with IFF_UP; refused where it is up already and we may not.
my $interface_up = pack('a16 s x22', 'lo', 0x1);
if (socket(my $control, $AF_INET, $DGRAM, 0)) { ioctl($control, 0x8914, $interface_up); }

my @listeners;
while (@ARGV and (my $argument = shift @ARGV) ne '--') {
  my ($port, $path) = split /=/, $argument, 2;
  socket(my $listener, $AF_INET, $STREAM, 0) or die "bridge: socket: $!\n";
  bind($listener, pack('S n C4 x8', $AF_INET, $port, 127, 0, 0, 1)) or die "bridge: bind $port: $!\n";
  listen($listener, 128) or die "bridge: listen: $!\n";
  push @listeners, [$listener, $path];
}

sub copy {
  my ($from, $to) = @_;
  while (my $read = sysread($from, my $bytes, 65536)) {
    for (my $sent = 0; $sent < $read;) {
      my $wrote = syswrite($to, $bytes, $read - $sent, $sent) or exit 0;
      $sent += $wrote;
    }
  }
  shutdown($to, 1);
  exit 0;
}

sub serve {
  my ($client, $path) = @_;
  socket(my $target, $AF_UNIX, $STREAM, 0) or exit 1;
  connect($target, pack('S a*', $AF_UNIX, $path . "\0")) or exit 1;
  my $child = fork;
  exit 1 unless defined $child;
  $child ? copy($client, $target) : copy($target, $client);
}

my $server = fork;
die "bridge: fork: $!\n" unless defined $server;
if (!$server) {
  # A command that ends on SIGTERM may still want its network while it does. It goes with the sandbox.
  $SIG{TERM} = 'IGNORE'; $SIG{PIPE} = 'IGNORE';
  open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
  while (1) {
    my $wanted = ''; vec($wanted, fileno($_->[0]), 1) = 1 for @listeners;
    select(my $ready = $wanted, undef, undef, undef);
    for my $pair (@listeners) {
      next unless vec($ready, fileno($pair->[0]), 1);
      accept(my $client, $pair->[0]) or next;
      my $worker = fork;
      serve($client, $pair->[1]) if defined $worker and !$worker;
      close($client);
    }
  }
}
$SIG{CHLD} = 'DEFAULT';
{ exec { $ARGV[0] } @ARGV; }
print STDERR "cannot run $ARGV[0]: $!\n";
exit 127;

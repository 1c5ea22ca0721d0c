# A client on Gearman::Client. Arguments: PORT MODE FUNCTION UNIQUE PRIORITY; the workload is on standard input.
use strict;
use warnings;
use Gearman::Client;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(usleep);

my ($port, $mode, $function, $unique, $priority) = @ARGV;
binmode STDIN;
my $workload = do { local $/; <STDIN> } // '';
$| = 1;

sub say_packed { print $_[0], ' ', encode_base64($_[1], ''), "\n" }

my $client = Gearman::Client->new(job_servers => ["127.0.0.1:$port"], exceptions => 1);
my %options = (uniq => $unique, priority => $priority);

if ($mode eq 'do') {
    my $excepted = 0;
    my $tasks = $client->new_task_set;
    my $handle = $tasks->add_task($function, \$workload, {
        %options,
        on_status    => sub { print "status $_[0] $_[1]\n" },
        on_data      => sub { say_packed('data', ${ $_[0] }) },
        on_warning   => sub { say_packed('warning', ${ $_[0] }) },
        on_complete  => sub { say_packed('complete', ${ $_[0] }) },
        on_exception => sub { $excepted = 1; say_packed('exception', $_[0]) },
        on_fail      => sub { print "fail\n" unless $excepted },
    });
    print 'created ', (split m{//}, $handle)[1], "\n";
    $tasks->wait;
    exit 0;
}

my $handle = $client->dispatch_background($function, \$workload, \%options);
print 'created ', (split m{//}, $handle)[1], "\n";
if ($mode eq 'follow') {
    while (1) {
        my $status = $client->get_status($handle);
        my ($numerator, $denominator) = @{ $status->progress // [0, 0] };
        printf "polled %d %d %d %d\n", $status->known, $status->running, $numerator, $denominator;
        last unless $status->known;
        usleep(2000);
    }
}

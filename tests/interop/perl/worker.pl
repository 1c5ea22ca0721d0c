# A worker on Gearman::Worker. Arguments: PORT PREFIX; its functions are named PREFIX-something.
use strict;
use warnings;
use Gearman::Worker;

my ($port, $prefix) = @ARGV;
$| = 1;

my $worker = Gearman::Worker->new(job_servers => ["127.0.0.1:$port"]);
$worker->register_function("$prefix-reverse" => sub { scalar reverse $_[0]->arg });
$worker->register_function("$prefix-echo" => sub { $_[0]->arg });
$worker->register_function("$prefix-nothing" => sub { '' });
$worker->register_function("$prefix-fail" => sub { undef });
$worker->register_function("$prefix-exception" => sub { die "the disk is full\n" });
$worker->register_function("$prefix-hang" => sub { $_[0]->set_status(1, 2); sleep 60; 1 });
$worker->register_function("$prefix-events" => sub {
    my $job = shift;
    $worker->send_work_data($job, 'one');
    $worker->send_work_warning($job, 'careful');
    $job->set_status($_, 3) for 1 .. 3;
    return 'done';
});

print "ready\n";
$worker->work while 1;

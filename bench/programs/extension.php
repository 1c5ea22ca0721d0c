<?php
// The client and the worker of PHP's extension gearman, for comparison. Arguments: OPERATION PORT JOBS.
[, $operation, $port, $jobs] = $argv;

const FUNCTION_NAME = 'bench'; // as in load.c
const RESULT = 'done';
define('WORKLOAD', str_repeat('x', 32));

function cpu_seconds(): float
{
    $usage = getrusage();
    return $usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']
        + ($usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']) / 1e6;
}

function measure(int $jobs, callable $do, bool $with_latencies): void
{
    $latencies = [];
    $cpu = cpu_seconds();
    $began = hrtime(true);
    for ($job = 0; $job < $jobs; $job++) {
        $before = hrtime(true);
        $do();
        $latencies[] = hrtime(true) - $before;
    }
    $outcome = ['jobs' => $jobs, 'seconds' => (hrtime(true) - $began) / 1e9, 'cpu' => cpu_seconds() - $cpu];
    if ($with_latencies) {
        sort($latencies);
        $outcome['p50'] = $latencies[intdiv($jobs, 2)] / 1e9;
        $outcome['p99'] = $latencies[intdiv($jobs * 99, 100)] / 1e9;
    }
    echo json_encode($outcome), "\n";
}

if ($operation === 'work') {
    $worker = new GearmanWorker();
    $worker->addServer('127.0.0.1', (int) $port);
    $worker->addFunction(FUNCTION_NAME, fn ($job) => RESULT);
    measure((int) $jobs, fn () => $worker->work() || exit(1), false);
    exit(0);
}

$client = new GearmanClient();
$client->addServer('127.0.0.1', (int) $port);
$client->ping('here');
$method = $operation === 'call' ? 'doNormal' : 'doBackground';
measure((int) $jobs, fn () => $client->$method(FUNCTION_NAME, WORKLOAD) ?: exit(1), true);

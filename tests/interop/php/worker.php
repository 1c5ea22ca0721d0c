<?php
// A worker on the PECL extension. Arguments: PORT PREFIX; its functions are named PREFIX-something.
[, $port, $prefix] = $argv;

$worker = new GearmanWorker();
$worker->addServer('127.0.0.1', (int) $port);
$worker->setId("php-$prefix");
$worker->addFunction("$prefix-reverse", fn ($job) => strrev($job->workload()));
$worker->addFunction("$prefix-echo", fn ($job) => $job->workload());
$worker->addFunction("$prefix-nothing", fn ($job) => '');
$worker->addFunction("$prefix-unique", fn ($job) => $job->unique());
$worker->addFunction("$prefix-fail", function ($job) {
    $job->sendFail();
});
$worker->addFunction("$prefix-exception", function ($job) {
    $job->sendException('the disk is full');
});
$worker->addFunction("$prefix-hang", function ($job) {
    $job->sendStatus(1, 2);
    sleep(60);
});
$worker->addFunction("$prefix-large", function ($job) {
    ini_set('memory_limit', '1G');
    return str_repeat('x', 70000000);
});
$runs = 0;
$worker->addFunction("$prefix-slow", function ($job) use (&$runs) {
    $runs++;
    usleep(1500000);
    return "run $runs";
}, null, 30); // meant in seconds, taken as milliseconds
$worker->addFunction("$prefix-events", function ($job) {
    $job->sendData('one');
    $job->sendWarning('careful');
    for ($part = 1; $part <= 3; $part++) {
        $job->sendStatus($part, 3);
    }
    return 'done';
});

echo "ready\n";
while (true) {
    // False is also the answer for a job that failed: only what ends the connection ends this worker.
    if (!@$worker->work() && !in_array($worker->returnCode(), [GEARMAN_WORK_FAIL, GEARMAN_WORK_EXCEPTION])) {
        echo 'ended: ', $worker->error(), "\n";
        exit(1);
    }
}

<?php
// A client on the PECL extension. Arguments: PORT MODE FUNCTION UNIQUE PRIORITY; the workload is on standard input.
[, $port, $mode, $function, $unique, $priority] = $argv;
$workload = stream_get_contents(STDIN);

function say(string ...$words): void
{
    echo implode(' ', $words), "\n";
}

$client = new GearmanClient();
$client->addServer('127.0.0.1', (int) $port);
$client->setTimeout(15000);

if ($mode === 'do') {
    $client->setCreatedCallback(fn ($task) => say('created', $task->jobHandle()));
    $client->setStatusCallback(fn ($task) => say('status', $task->taskNumerator(), $task->taskDenominator()));
    $client->setDataCallback(fn ($task) => say('data', base64_encode($task->data())));
    $client->setWarningCallback(fn ($task) => say('warning', base64_encode($task->data())));
    $client->setCompleteCallback(fn ($task) => say('complete', base64_encode($task->data())));
    $client->setExceptionCallback(fn ($task) => say('exception', base64_encode($task->data())));
    $client->setFailCallback(fn ($task) => say('fail'));
    $add = ['high' => 'addTaskHigh', 'normal' => 'addTask', 'low' => 'addTaskLow'][$priority];
    $client->$add($function, $workload, null, $unique);
    exit($client->runTasks() ? 0 : 1);
}

if ($mode === 'too-large') {
    ini_set('memory_limit', '1G');
    @$client->doBackground($function, str_repeat('x', 70000000));
    say('refused', $client->returnCode(), $client->error());
    exit(0);
}

if ($mode === 'status-by-unique') {
    [$known, $running, $numerator, $denominator] = $client->jobStatusByUniqueKey($unique);
    say('polled', (int) $known, (int) $running, $numerator, $denominator);
    exit(0);
}

$submit = ['high' => 'doHighBackground', 'normal' => 'doBackground', 'low' => 'doLowBackground'][$priority];
$handle = $client->$submit($function, $workload, $unique);
say('created', $handle);
if ($mode === 'follow') {
    do {
        [$known, $running, $numerator, $denominator] = $client->jobStatus($handle);
        say('polled', (int) $known, (int) $running, $numerator, $denominator);
        usleep(2000);
    } while ($known);
}

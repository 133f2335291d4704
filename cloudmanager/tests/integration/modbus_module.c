/* SPDX-License-Identifier: Apache-2.0
 *
 * A module with eight coils on Modbus/TCP: the protocol is libmodbus's.
 *
 *   modbus_module PORT
 *
 * serves one connection at a time on the loopback. Coils are in the file
 * "coils" of the working directory, eight digits, read before each request
 * and written before an answer says that one has moved, and each write goes
 * into the file "log". If there is a file "refuse", writes are answered with
 * the exception in it; if there is a file "lag", coils move so many
 * milliseconds later, or never if it is -1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <modbus.h>

#define COILS 8
#define WRITE_SINGLE_COIL 5

static double due[COILS];
static int wanted[COILS];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* Return the number in a file, or a default if there is no such file. */
static int number_in(const char *name, int otherwise)
{
    int found = otherwise;
    FILE *file = fopen(name, "r");
    if (file != NULL) {
        if (fscanf(file, "%d", &found) != 1)
            found = otherwise;
        fclose(file);
    }
    return found;
}

static void save(const uint8_t *coils)
{
    FILE *file = fopen("coils.new", "w");
    if (file == NULL)
        exit(1);
    for (int i = 0; i < COILS; i++)
        fputc(coils[i] ? '1' : '0', file);
    fclose(file);
    rename("coils.new", "coils");
}

static void load(uint8_t *coils)
{
    int moved = 0;
    FILE *file = fopen("coils", "r");
    for (int i = 0; i < COILS; i++) {
        if (file != NULL)
            coils[i] = fgetc(file) == '1';
        if (due[i] != 0 && now() >= due[i]) {
            coils[i] = wanted[i];
            due[i] = 0;
            moved = 1;
        }
    }
    if (file != NULL)
        fclose(file);
    if (moved)
        save(coils);
}

static void log_write(int coil, int value)
{
    FILE *file = fopen("log", "a");
    if (file == NULL)
        exit(1);
    fprintf(file, "%d %d\n", coil, value);
    fclose(file);
}

static void serve(modbus_t *module, modbus_mapping_t *map,
                  const uint8_t *query, int length)
{
    int header = modbus_get_header_length(module);
    int coil = query[header + 1] << 8 | query[header + 2];
    int value = query[header + 3] == 0xff;
    int refusal = number_in("refuse", 0);
    int lag = number_in("lag", 0);

    load(map->tab_bits);
    if (query[header] != WRITE_SINGLE_COIL || coil >= COILS) {
        modbus_reply(module, query, length, map);
    } else {
        uint8_t before = map->tab_bits[coil];
        log_write(coil, value);
        if (refusal != 0) {
            modbus_reply_exception(module, query, refusal);
        } else if (lag != 0) {
            modbus_reply(module, query, length, map);
            map->tab_bits[coil] = before;
            wanted[coil] = value;
            due[coil] = lag < 0 ? 0 : now() + lag / 1e3;
        } else {
            map->tab_bits[coil] = value;
            save(map->tab_bits);
            modbus_reply(module, query, length, map);
        }
    }
}

int main(int count, char **arguments)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    if (count != 2)
        return 2;
    modbus_t *module = modbus_new_tcp("127.0.0.1", atoi(arguments[1]));
    modbus_mapping_t *map = modbus_mapping_new(COILS, 0, 0, 0);
    if (module == NULL || map == NULL)
        return 1;
    int listener = modbus_tcp_listen(module, 1);
    if (listener < 0) {
        perror("modbus_module");
        return 1;
    }
    for (;;) {
        int length;
        if (modbus_tcp_accept(module, &listener) < 0)
            continue;
        while ((length = modbus_receive(module, query)) >= 0)
            if (length > 0)
                serve(module, map, query, length);
        modbus_close(module);
    }
}

#include "tcp.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static bool has_peer(int fd, const char *peer)
{
        struct sockaddr_storage address;
        socklen_t n = sizeof(address);
        char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 16];

        if (getpeername(fd, (struct sockaddr *) &address, &n) < 0)
                return false;
        if (address.ss_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *) &address;

                inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
                snprintf(text, sizeof(text), "%s:%u", host, ntohs(in->sin_port));
        } else if (address.ss_family == AF_INET6) {
                const struct sockaddr_in6 *in = (const struct sockaddr_in6 *) &address;

                inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
                snprintf(text, sizeof(text), "[%s]:%u", host, ntohs(in->sin6_port));
        } else
                return false;
        return str_equal(text, peer);
}

static int find_fd(const char *peer)
{
        DIR *dir = opendir("/proc/self/fd");
        const struct dirent *entry;
        int found = -1;

        while (dir && found < 0 && (entry = readdir(dir))) {
                int fd = atoi(entry->d_name);

                if (*entry->d_name != '.' && fd != dirfd(dir) && has_peer(fd, peer))
                        found = fd;
        }
        if (dir)
                closedir(dir);
        return found;
}

void tcp_hang_up(const char *peer)
{
        int fd = find_fd(peer);

        if (fd >= 0)
                shutdown(fd, SHUT_RDWR);
}

void tcp_reset_on_close(const char *peer)
{
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        int fd = find_fd(peer);

        if (fd >= 0)
                (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)); /* gone already */
}

int tcp_hold_open(const char *peer)
{
        int fd = find_fd(peer);

        return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}
